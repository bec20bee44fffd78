"""Fine-tuning on one's own clips: checked, split by recording, trained, judged on held-out clips, reported."""
