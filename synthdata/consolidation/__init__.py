"""LoRA consolidation: which rows of a release are trained on, the training itself, the rule that keeps or rolls back.

Loading and scoring models is generation's, the corpus and the held-out tasks are `synthdata.consolidation.sleep`'s.
"""
