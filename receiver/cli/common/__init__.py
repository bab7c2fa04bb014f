"""What several commands share: options, the installation, errors, names."""
