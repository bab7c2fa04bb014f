"""How an alert is posted: in the shape of Slack, or as signed JSON."""
