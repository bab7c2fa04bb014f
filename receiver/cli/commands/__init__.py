"""What each command does. Imported by the command that was asked for, and by no other."""
