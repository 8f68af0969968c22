// Nothing of its own: CMake makes a precompiled header only for a target that has a file which uses it.
