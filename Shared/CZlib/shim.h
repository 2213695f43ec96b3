#include <zlib.h>

// A macro with a cast and sizeof, which Swift does not import.
static inline int everline_deflate_init_gzip(z_stream *stream) {
    // 15: the largest window; 16 more: in gzip's wrapping (zlib.h, deflateInit2).
    return deflateInit2(stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}
