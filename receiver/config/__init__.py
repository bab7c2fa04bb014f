"""What an operator sets: settings, the file .env, the format of log lines."""
