package import CoreMetrics
import Synchronization

/// Metrics in memory, shown as Prometheus' text format 0.0.4. Names follow its rules; timers become histograms in seconds.
package final class Prometheus: MetricsFactory, Sendable {
    private let series = Mutex<[String: [String: any Series]]>([:])
    private let service: String

    /// - Parameter service: for `everline_info`, by which a scrape tells what it has before it.
    package init(service: String) { self.service = service }

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        get(label, dimensions) { Count() }
    }
    package func makeFloatingPointCounter(label: String, dimensions: [(String, String)]) -> any FloatingPointCounterHandler {
        get(label, dimensions) { FloatingCount() }
    }
    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        get(label, dimensions) { Gauge() }
    }
    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        if aggregate { return get(label, dimensions) { Histogram(scale: 1) } }
        return get(label, dimensions) { Gauge() }
    }
    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        get(label, dimensions) { Histogram(scale: 1e-9) }
    }
    // What was counted stays counted.
    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}

    /// The whole page.
    package var page: String {
        let all = series.withLock { $0 }
        var text = ""
        for (name, byLabels) in all.sorted(by: { $0.key < $1.key }) {
            guard let type = byLabels.values.first?.type else { continue }
            if let help = MetricHelp.texts[name] { text += "# HELP \(name) \(help)\n" }
            text += "# TYPE \(name) \(type)\n"
            for (labels, one) in byLabels.sorted(by: { $0.key < $1.key }) { text += one.lines(name, labels) }
        }
        let info = "# HELP everline_info \(MetricHelp.texts["everline_info"] ?? "")\n# TYPE everline_info gauge\n"
        return text + info + "everline_info{service=\"\(service)\"} 1\n" + ProcessFigures.page
    }

    private func get<S: Series>(_ label: String, _ dimensions: [(String, String)], _ make: () -> S) -> S {
        let name = String(label.map { $0.isASCII && ($0.isLetter || $0.isNumber) || $0 == "_" || $0 == ":" ? $0 : "_" })
        let labels = dimensions.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",")
        return series.withLock { series in
            if let known = series[name]?[labels] as? S { return known }
            let new = make()
            series[name, default: [:]][labels] = new
            return new
        }
    }

    private static func escaped(_ text: String) -> String {
        text.map { $0 == "\\" ? "\\\\" : $0 == "\"" ? "\\\"" : $0 == "\n" ? "\\n" : String($0) }.joined()
    }
}

private protocol Series: AnyObject, Sendable {
    var type: String { get }
    func lines(_ name: String, _ labels: String) -> String
}

extension Series {
    fileprivate func braced(_ labels: String) -> String { labels.isEmpty ? "" : "{\(labels)}" }
}

private final class Count: CounterHandler, Series {
    private let value = Atomic<Int64>(0)
    var type: String { "counter" }
    func increment(by amount: Int64) { value.wrappingAdd(amount, ordering: .relaxed) }
    func reset() { value.store(0, ordering: .relaxed) }
    func lines(_ name: String, _ labels: String) -> String { "\(name)\(braced(labels)) \(value.load(ordering: .relaxed))\n" }
}

private final class FloatingCount: FloatingPointCounterHandler, Series {
    private let value = Mutex(0.0)
    var type: String { "counter" }
    func increment(by amount: Double) { value.withLock { $0 += amount } }
    func reset() { value.withLock { $0 = 0 } }
    func lines(_ name: String, _ labels: String) -> String { "\(name)\(braced(labels)) \(value.withLock { $0 })\n" }
}

private final class Gauge: MeterHandler, RecorderHandler, Series {
    private let value = Mutex(0.0)
    var type: String { "gauge" }
    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { self.value.withLock { $0 = value } }
    func increment(by amount: Double) { value.withLock { $0 += amount } }
    func decrement(by amount: Double) { value.withLock { $0 -= amount } }
    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }
    func lines(_ name: String, _ labels: String) -> String { "\(name)\(braced(labels)) \(value.withLock { $0 })\n" }
}

/// Lock-free, as loops and lanes write to the same one.
private final class Histogram: TimerHandler, RecorderHandler, Series {
    private let buckets: [Bucket]
    /// In what is recorded: nanoseconds, or pieces.
    private let sum = Atomic<Int64>(0)
    private let scale: Double
    var type: String { "histogram" }

    private final class Bucket: Sendable { let count = Atomic<Int64>(0) }

    init(scale: Double) {
        self.scale = scale
        buckets = (0...16).map { _ in Bucket() }
    }

    /// Upper bounds: for seconds half a millisecond to sixteen seconds, for others one to 32,768; each twice the one before.
    private func bound(_ index: Int) -> Double { (scale == 1 ? 1 : 0.0005) * Double(1 << index) }

    func record(_ value: Double) { record(Int64(value)) }
    func record(_ value: Int64) {
        let scaled = Double(value) * scale
        var index = 0
        while index < 16, scaled > bound(index) { index += 1 }
        buckets[index].count.wrappingAdd(1, ordering: .relaxed)
        sum.wrappingAdd(value, ordering: .relaxed)
    }
    func recordNanoseconds(_ duration: Int64) { record(duration) }

    func lines(_ name: String, _ labels: String) -> String {
        let prefix = labels.isEmpty ? "" : labels + ","
        var text = ""
        var below: Int64 = 0
        for index in 0..<16 {
            below += buckets[index].count.load(ordering: .relaxed)
            text += "\(name)_bucket{\(prefix)le=\"\(bound(index))\"} \(below)\n"
        }
        let count = below + buckets[16].count.load(ordering: .relaxed)
        text += "\(name)_bucket{\(prefix)le=\"+Inf\"} \(count)\n"
        let total = Double(sum.load(ordering: .relaxed)) * scale
        return text + "\(name)_sum\(braced(labels)) \(total)\n\(name)_count\(braced(labels)) \(count)\n"
    }
}
