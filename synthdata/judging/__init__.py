"""What may veto a candidate without looking at the corpus: the floor of rules, later judges and canaries."""
