"""Inside a job whose launcher gives it no supervisor: who it is, when it must end, what it leaves behind.

Other people's launchers run a job as a plain call, in a process of their own making or even in ours. What
`slots` does from outside is done here beside the training: `body` wraps the task, `watch` asks the stop rules
in a thread, `interrupt` ends the training as Ctrl-C would, `notes` are the files by which the sweeper learns
of it all. They need nothing from the launcher but a file system that the jobs share.
"""
