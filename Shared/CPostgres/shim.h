#include <libpq-fe.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

// Bytes that TLS has decrypted and libpq has not read yet. The socket does not become readable for them, so whoever waits on the socket
// has to ask here first.
static inline int everline_pq_pending(PGconn *connection) {
    const SSL *tls = (const SSL *)PQsslStruct(connection, "OpenSSL");
    return tls ? SSL_pending(tls) : 0;
}

// For the calling thread: Swift's Glibc module hides GNU's pthread_setname_np.
static inline void everline_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }
