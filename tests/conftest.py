pytest_plugins = ["tests.support.fixtures", "tests.support.row_fixtures"]
