"""Looking at W&B runs of any origin: summaries in the form of ``autorun_summary.json``, and rules' proposals.

``runs`` what is made of one history; ``tree`` the runs below a directory, ``online`` those of a W&B project;
``tables`` their output; ``replay`` what other rules would have decided on an old study.
"""
