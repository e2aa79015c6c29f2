"""What metrics need of one set of images: mergeable summaries, the same for any split or order."""
