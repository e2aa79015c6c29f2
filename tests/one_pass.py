"""One score, and one pass over a source, each in a call."""

from ganeval.scoring.evaluator import Evaluator
from ganeval.scoring.feature_pass import Walked


def score(options, reporter=None, processes=None):
    with Evaluator(options, reporter, processes) as evaluator:
        return evaluator.score(options.subject, options.name)


def summarise(source, backbones, stores, *, batch_size, on_bad, progress=None):
    walked = Walked.of(backbones, stores)
    walked.add(source, batch_size, on_bad, progress)
    return walked.summary(source)
