pytest_plugins = [
    "tests.support.effort",
    "tests.support.fixtures",
    "tests.support.groups",
    "tests.support.row_fixtures",
]
