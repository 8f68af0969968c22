#pragma once
// How much fits into a pipe.

namespace fanmill {

// Makes a pipe hold 256 KiB, if the system lets us. Linux gives it 64 KiB, and as often as that is full or
// empty one of its two sides waits for the other; more than 256 KiB would soon be more than a user may have
// in all of his pipes (pipe(7): 64 MiB). One that holds anything else has been given that on purpose, and
// stays as it is; so does whatever else `fd` is.
void make_room_in_pipe(int fd);

}  // namespace fanmill
