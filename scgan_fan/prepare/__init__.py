"""From collections of photographs to training data: what ``scgan-fan prepare`` runs.

``collections``  the published layouts: which images there are, what is known of their faces and who they show
``annotations``  68 landmarks from the file beside an image: .mat, .pts, .t7
``crops``        one image -> its faces, cut by the one crop rule, each with what the filters ask for
``filters``      sharpness, near duplicates, the split into training and validation
``pipeline``     all images of a collection -> LMDBs, landmarks, report; parallel, continues where it was stopped
``report``       counts for people and programs, and a contact sheet to look at
``degrade``      the papers' synthetic low-resolution images of sharp ones
"""
