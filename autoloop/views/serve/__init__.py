"""The live page: a small server that shows studies in a browser and hands on what users tell them.

It reads journals and histories as ``autoloop watch`` does and writes nothing but requests
(`autoloop.store.requests`). `guard` says who may look, `observed` follows one study, `pieces` and `compare`
draw with the figures of the report, `app` answers, `running` starts and ends it. What runs in the browser is
in ``page/``.
"""
