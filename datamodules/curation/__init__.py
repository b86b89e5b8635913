"""Which pictures of a large folder are fit to learn from: measured once, judged by thresholds, nothing deleted.

thresholds: the limits, one option each. measures: a picture in numbers. survey: every file of a folder
measured, on all cores, resumable. duplicates, reasons: from numbers to what is dropped and why.
manifest: the outcome as a Parquet file. gallery: the outcome to look at.
"""
