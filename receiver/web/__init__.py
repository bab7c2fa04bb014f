"""POST /webhooks: from the socket to the committed delivery."""
