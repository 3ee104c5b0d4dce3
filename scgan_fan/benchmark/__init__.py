"""Methods side by side on the same faces, by the same metrics: ``scgan-fan benchmark -opt FILE -o OUT``.

``runner.run`` does the work and remembers it in ``OUT``; ``report.write`` tells of it. An option file holds:

    name            of the benchmark
    note            what a reader of its results should know. Default: nothing
    size            height and width of the images that are compared, pixels. Default 64
    batch_size      images that a method restores at once. Default 16
    resamples       of the bootstrap. Default 1000; a metric's block may ask for another number
    seed            of the bootstrap. Default 0
    baseline        the method that others are called better or worse than. Default: the first
    page_images     images of each dataset to look through in the page. Default 60
    datasets        name -> block of a validation dataset, as for training
    methods         name -> block with a ``type`` of ``methods.KINDS``
    metrics         name -> block as in BasicSR's ``val: metrics``
    tsne            block of ``neighbours.plot``, for a picture of whose faces lie beside whose. Default: none
    published       method -> dataset -> metric -> figure of a paper, printed beside the measured one
"""
