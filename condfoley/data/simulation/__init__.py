"""Greatest Hits in simulation: videos of somebody hitting and scratching things, with exact ground truth."""
