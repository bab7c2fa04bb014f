pytest_plugins = [
    "tests.support.effort",
    "tests.support.fixtures",
    "tests.support.row_fixtures",
    "tests.support.workers",
]
