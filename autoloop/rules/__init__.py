"""Rules: pure functions of trials that propose edits, one small file each."""
