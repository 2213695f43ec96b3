internal import CPostgres
internal import Glibc

private final class ThreadBody {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Starts a thread of its own that ends with `body`. `name` has at most 15 bytes (prctl(2), PR_SET_NAME).
func startThread(named name: String, _ body: @escaping @Sendable () -> Void) {
    let context = Unmanaged.passRetained(
        ThreadBody {
            everline_name_thread(name)
            body()
        })
    var thread = pthread_t()
    let status = pthread_create(
        &thread, nil,
        { pointer in
            Unmanaged<ThreadBody>.fromOpaque(pointer!).takeRetainedValue().run()
            return nil
        }, context.toOpaque())
    precondition(status == 0, "no thread can be started (errno \(status))")
    pthread_detach(thread)
}
