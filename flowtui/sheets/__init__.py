"""Sample sheets: what was downloaded of samples, as the table that a pipeline takes.

    samples     what is known of a sample: its files here, in Flow's filesets, and its metadata
    reads       from filesets to lanes: one file of reads, or a pair
    pipelines   the tables of the pipelines: columns, and where each column's value comes from
    flow_schema the same of any pipeline of Flow, by its own schema
    sheet       samples and a pipeline → rows, and what has to be told of them
    links       links without blanks, for pipelines that take none in paths
    sample_table  `samples.tsv`: a row per sample, with what its reader added
    words, csv_text     texts of Flow as they stand in a sheet; rows as CSV

All of it is pure: who asks Flow and looks at the disk is `flowtui.cli`.
"""
