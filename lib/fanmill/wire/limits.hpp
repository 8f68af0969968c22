#pragma once
// What a frame may hold. A decoder checks these before it allocates or believes anything.

#include <cstddef>
#include <cstdint>

namespace fanmill::wire {

// Spoken by HELLO and every other message as its first element. A peer of another version is refused in
// words.
inline constexpr std::uint64_t protocol_version = 1;

// --max-message: the largest payload or output of one task.
inline constexpr std::size_t default_max_message = std::size_t{64} << 20;
// A frame may be this much larger than the largest payload in it.
inline constexpr std::size_t frame_slack = std::size_t{1} << 20;

inline constexpr std::size_t max_name = 256;      // host, name of a worker
inline constexpr std::size_t max_endpoint = 512;  // longest endpoint text
inline constexpr std::size_t max_endpoints = 16;  // endpoints that one sink may offer
inline constexpr std::size_t max_text = 4096;     // reasons for people, error texts
inline constexpr std::size_t max_key = 64;        // a CURVE public key in Z85 has 40
inline constexpr std::size_t max_delimiter = 16;
inline constexpr std::size_t max_separator = 64;
inline constexpr std::size_t max_ranges = 65536;         // ranges in one ACK, LEAVING, …
inline constexpr std::size_t max_batch = 16384;          // tasks or results in one frame
inline constexpr std::size_t max_keys = 2048;            // keys in one CHECK
inline constexpr std::size_t max_attempts = 16384;       // attempts in one FAILED, RETRY, KEEP
inline constexpr std::size_t max_item_sample = 4096;     // of a payload that failed or is dead
inline constexpr std::size_t max_status_workers = 4096;  // workers in one STATUS
inline constexpr std::uint32_t max_slots = 65536;
inline constexpr std::uint32_t max_attempt = 1000000;

// Fewer neighbours in one frame take less room, and no more time, as tasks of their own; and who takes no
// batches of so many need not know neighbours.
inline constexpr std::size_t least_neighbours = 4;

// Bytes of neighbours that are so many may follow in a frame of their own; fewer are copied as fast as they
// are sent by themselves.
inline constexpr std::size_t own_frame_from = std::size_t{8} << 10;

// Where a batch of small tasks is closed.
inline constexpr std::size_t batch_bytes = std::size_t{512} << 10;
inline constexpr std::size_t batch_tasks = 16384;

}  // namespace fanmill::wire
