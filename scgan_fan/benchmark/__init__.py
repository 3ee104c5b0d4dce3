"""Methods side by side on the same faces, by the same metrics: ``scgan-fan benchmark -opt FILE -o OUT``.

``options`` says what an option file holds. ``runner.run`` does the work and remembers it in ``OUT``; ``report.write``
tells of it.
"""
