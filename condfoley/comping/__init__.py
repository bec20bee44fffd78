"""Of many candidates one soundtrack: ranking, takes, edits."""
