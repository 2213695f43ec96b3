internal import Glibc

/// A moment until which a call may take, on the monotonic clock. Made once at the edge and passed along, so that everything done for one
/// request shares one limit.
package struct PostgresDeadline: Sendable, Hashable, Comparable {
    /// Nanoseconds of CLOCK_MONOTONIC.
    package let nanoseconds: UInt64

    package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    package static var now: PostgresDeadline {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return PostgresDeadline(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }

    package static func after(_ duration: Duration) -> PostgresDeadline { now + duration }
    package static func seconds(_ seconds: Int) -> PostgresDeadline { after(.seconds(seconds)) }
    package static func seconds(_ seconds: Double) -> PostgresDeadline { after(.seconds(seconds)) }
    package static func milliseconds(_ milliseconds: Int) -> PostgresDeadline { after(.milliseconds(milliseconds)) }

    package static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }

    /// A negative duration counts as zero.
    package static func + (deadline: Self, duration: Duration) -> PostgresDeadline {
        let (seconds, attoseconds) = duration.components
        guard seconds >= 0, attoseconds >= 0 else { return deadline }
        let (product, over) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overSum) = deadline.nanoseconds.addingReportingOverflow(over ? .max : product)
        return PostgresDeadline(nanoseconds: overSum ? .max : sum &+ UInt64(attoseconds / 1_000_000_000))
    }
}
