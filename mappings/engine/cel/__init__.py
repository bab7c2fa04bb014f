"""CEL, fitted to mappings: compiling, evaluating, errors in words a mapping's writer uses."""
