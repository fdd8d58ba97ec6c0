"""The pre-flight before training: what is wrong or doubtful in a factor stack, and how to mend it.

``layout`` reads what the bands say they are, ``statistics`` walks all cells twice by windows, ``coverage``,
``continuous``, ``categorical``, ``association`` and ``landslides`` judge what was counted, ``presentation`` writes it
up with the pictures of ``figures``. Every judgement is a ``Finding``; none of them stops the run.
"""
