"""Reference models: every tutorial GAN, correct, trained by a fixed recipe, with the score that it reaches.

Importing this package loads no torch; `reference_models.models` lists the models' names, also without torch.
"""
