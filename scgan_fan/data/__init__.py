"""Where images come from: folders and LMDBs, the datasets made of them, and the writer of LMDBs.

``image_source``     reads a folder, an LMDB, or several of them one after another
``*_dataset``        what option files name under ``datasets``, registered with BasicSR when they are imported
``face_dataset``     what the datasets share, and what their blocks in an option file may hold
``augment``          random changes of training faces: where they lie, and their colours
``degradations``     from a sharp face to a bad one of fewer pixels
``geometry``         whether sharp and small faces are cut alike: their mean faces, registered
``draws``            the randomness of training: from seed, epoch and position alone
``sizes``            the sizes that networks need: checked when a dataset reads, made when an LMDB is written
``landmark_files``   68 points of many images, from .npz, .csv or .pts
``lmdb_writer``      what ``scgan-fan lmdb`` runs
``heatmap_store``    the heatmaps of HR faces, drawn once
``whole_folder``     what both write: all of it or, after a kill at any moment, nothing that counts
"""
