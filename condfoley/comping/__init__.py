"""Of many candidates one soundtrack: ranking, takes, and edits that move impacts to their cues."""
