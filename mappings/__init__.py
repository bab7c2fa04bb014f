"""The mapping files that users edit; `mappings.engine` is the language that reads them."""
