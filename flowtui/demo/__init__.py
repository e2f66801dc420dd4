"""An embedded Flow server with sample data, for trying flowtui and for its tests.

    serve         runs the server: in a thread, in the foreground, in a process of its own
    app           the ASGI application: which route answers what
    auth, browse, search, vocabulary, files, bulk, graphql     the routes
    accounts, service, paging     what routes share: tokens, refusals, pages
    scenarios, troubles     what may happen to bulk jobs, and to any question
    changed_values, loose_values, odd_values     answers of other values than they should have
    serializers   how records are written, in each dialect of Flow's API
    projects, sample_data, catalogue, content     what there is, and its bytes
    run_records   what a run says of itself: parameters, logs, scripts
    archives, byte_source, shaping     archives and files made on the fly, and sent at a rate
    genome_index  the indexes of BAM and VCF

It stands for a Flow that we do not control: it shares no code with `flowtui.flow` or any other
package, and both are tested against the official client.
"""
