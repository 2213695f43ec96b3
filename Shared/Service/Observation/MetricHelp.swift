/// Every metric that a service of ours shows, and what it says. A test finds those that are missing here.
package enum MetricHelp {
    package static let texts: [String: String] = [
        "everline_info": "Which service this is.",

        // Every service.
        "everline_requests_total": "Requests answered, by method and outcome: ok, or the error's name.",
        "everline_request_duration_seconds": "From reading a request until its answer, by method.",
        "everline_postgres_errors_total": "Calls to PostgreSQL that failed, by what the failure means for the caller.",
        "everline_redis_errors_total": "Commands to Redis that failed, by kind.",
        "everline_redis_layout_changes_total": "How often another server took a master's place, or slots of a Cluster moved.",
        "process_cpu_seconds_total": "User and system time of the process.",
        "process_virtual_memory_bytes": "Address space of the process.",
        "process_resident_memory_bytes": "Memory of the process that is in RAM.",
        "process_start_time_seconds": "When the process began, in seconds since 1970.",
        "process_open_fds": "File descriptors that are open.",
        "process_max_fds": "File descriptors that may be open.",

        // message-gateway.
        "everline_client_connections": "Connections of clients that are open, by door.",
        "everline_gateway_proxy_headers_refused_total": "Connections whose PROXY header was not believed, or was none.",
        "everline_client_disconnects_total":
            "Connections of clients that ended, by reason: closed_by_peer, or the error they were told.",
        "everline_messages_accepted_total": "Messages that were committed and acknowledged.",
        "everline_messages_duplicate_total": "Sends whose clientId was known: answered with the first one's number.",
        "everline_messages_delivered_total": "Messages pushed to readers.",
        "everline_append_seconds": "From sending a batch of messages to PostgreSQL until its commit.",
        "everline_append_batch_messages": "Messages a batch.",
        "everline_appends_doubted_total": "Batches that went the careful way, as the fast one had a doubt.",
        "everline_appends_repeated_total":
            "Batches that were sent again, as their outcome was not known or PostgreSQL could not serve.",
        "everline_lane_waiting_messages": "Messages that wait for their batch, by lane.",
        "everline_hole_reads_total": "Reads of PostgreSQL for messages that a signal should have brought.",
        "everline_hole_messages_total": "Messages that such reads brought.",
        "everline_slow_readers_total": "How often a reader fell behind and was no longer pushed to until it read on.",

        // message-gateway and history.
        "everline_recent_total": "Answers of history.recent, by source: redis or postgres.",
        "everline_window_rebuilds_total": "Windows of recent messages in Redis that were made anew from PostgreSQL.",

        // history.
        "everline_replica_reads_total":
            "Reads that replicas were asked for, by outcome: answered, or behind or unreachable, and then the primary answered.",

        // auth.
        "everline_logins_total": "Attempts to log in, by outcome.",
        "everline_sessions": "Sessions that hold, as PostgreSQL has them.",

        // db-guardian.
        "everline_indexed_total": "Messages that were indexed for searching and summed up for statistics.",
        "everline_index_behind": "Messages that wait to be indexed; until then they are looked at directly.",
        "everline_guardian_newest_proven_backup_age_seconds": "How old the newest backup is that was restored and proven.",
        "everline_guardian_rpo_seconds": "What would be lost now, as the last drill measured it.",
        "everline_guardian_rto_seconds": "How long a restore takes, as the last drill measured it.",
        "everline_guardian_archive_lag_segments": "WAL segments that wait to be archived.",
        "everline_guardian_repository_bytes": "Size of the repository.",
        "everline_guardian_problems": "Problems that status would tell of.",
        "everline_guardian_findings_total": "Findings, by rule and severity.",
        "everline_guardian_alarms_total": "Alarms of the watch, by rule.",
        "everline_guardian_audited_statements_total": "Statements that pgAudit recorded, by class.",
        "everline_guardian_log_lines_total": "Lines of the server's log that were followed.",
        "everline_guardian_log_unreadable_lines_total": "Lines of the server's log that could not be read.",
        "everline_guardian_watch_lag_seconds": "How old a record of the server's log was when it was looked at.",
        "everline_guardian_journal_lacks": "1 while findings are in PostgreSQL that the journal lacks.",
        "everline_guardian_told_total": "Findings that a channel has told, by channel.",
        "everline_guardian_telling_failures_total": "Attempts to tell that failed, by channel.",
        "everline_guardian_untold_total": "Findings that a channel gave up, by channel.",
        "everline_guardian_untold_waiting": "Findings that wait to be told, by channel.",
    ]
}
