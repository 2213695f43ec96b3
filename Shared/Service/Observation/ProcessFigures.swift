import Foundation
import Glibc

/// What every Prometheus client tells of its own process, under the names that its documentation gives them ("Writing client libraries", process
/// metrics); read from `/proc` (proc(5)) when it is asked for.
enum ProcessFigures {
    static var page: String {
        let page = Double(sysconf(Int32(_SC_PAGESIZE)))
        let tick = Double(sysconf(Int32(_SC_CLK_TCK)))
        var lines: [(name: String, type: String, value: Double)] = []
        if let stat = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8), let end = stat.lastIndex(of: ")") {
            // After the program's name, which may hold spaces: fields 3 and on.
            let fields = stat[stat.index(after: end)...].split(separator: " ").map { Double($0) ?? 0 }
            if fields.count > 21 {
                lines.append(("process_cpu_seconds_total", "counter", (fields[11] + fields[12]) / tick))
                lines.append(("process_virtual_memory_bytes", "gauge", fields[20]))
                lines.append(("process_resident_memory_bytes", "gauge", fields[21] * page))
                if let booted { lines.append(("process_start_time_seconds", "gauge", booted + fields[19] / tick)) }
            }
        }
        if let open = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
            lines.append(("process_open_fds", "gauge", Double(open.count)))
        }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            lines.append(("process_max_fds", "gauge", Double(limit.rlim_cur)))
        }
        return lines.map {
            "# HELP \($0.name) \(MetricHelp.texts[$0.name] ?? "")\n# TYPE \($0.name) \($0.type)\n\($0.name) \($0.value)\n"
        }
        .joined()
    }

    /// Seconds since 1970.
    private static let booted: Double? = {
        guard let stat = try? String(contentsOfFile: "/proc/stat", encoding: .utf8) else { return nil }
        return stat.split(separator: "\n").first { $0.hasPrefix("btime ") }.flatMap { Double($0.dropFirst(6)) }
    }()
}
