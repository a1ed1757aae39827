"""E4: does a player get better at held-out games by training on step labels of its own runs?"""
