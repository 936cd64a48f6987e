"""How well search finds: judged queries over a real directory of textbooks. See README.md."""
