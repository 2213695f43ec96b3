package import Logging

/// Alarms as lines of our own log.
package struct LoggedAlarms: AlarmSink {
    private let logger: Logger

    package init(_ logger: Logger) { self.logger = logger }

    package func raise(_ alarm: Alarm) async {
        logger.warning(
            "alarm",
            metadata: [
                "rule": "\(alarm.rule)", "severity": "\(alarm.severity.rawValue)", "role": "\(alarm.role ?? "")",
                "address": "\(alarm.address ?? "")",
                "object": "\(alarm.object ?? "")", "evidence": "\(alarm.evidence.joined(separator: "; "))",
            ])
    }
}
