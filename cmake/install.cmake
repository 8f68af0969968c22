# What is installed: the public face's headers, the library, and how CMake and pkg-config find it.
include(CMakePackageConfigHelpers)
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME development)

# Of all that is built this is installed: neither tests nor benchmarks.
set(installed fanmill)
if(FANMILL_BUILD_PROGRAMS)
  list(APPEND installed fanmill-cli fanmill-ventilator fanmill-worker fanmill-sink fanmill-texts)
endif()
add_custom_target(fanmill-installed DEPENDS ${installed})

set(config_folder ${CMAKE_INSTALL_LIBDIR}/cmake/fanmill)
install(TARGETS fanmill EXPORT fanmill ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
# CMake strips programs alone.
install(CODE "if(CMAKE_INSTALL_DO_STRIP)
  execute_process(COMMAND \"${CMAKE_STRIP}\" --strip-debug
    \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/libfanmill.a\")
endif()")
install(EXPORT fanmill NAMESPACE fanmill:: FILE fanmill-targets.cmake DESTINATION ${config_folder})

# With what they include of the floor below.
foreach(header fanmill codec error handler keys map msgpack pipeline processors result sink ventilator worker
               base/error base/ids base/notice base/time)
  cmake_path(GET header PARENT_PATH folder)
  install(FILES lib/fanmill/${header}.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/fanmill/${folder})
endforeach()

# For plugins, in C too: needs nothing else of ours.
install(FILES lib/fanmill/plugin.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/fanmill)

configure_package_config_file(cmake/fanmill-config.cmake.in fanmill-config.cmake INSTALL_DESTINATION ${config_folder})
# Before 1.0 a minor version may change what is there.
write_basic_package_version_file(fanmill-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/fanmill-config.cmake ${PROJECT_BINARY_DIR}/fanmill-config-version.cmake
  DESTINATION ${config_folder})

# Relative to the file itself, so that the tree can be moved.
file(RELATIVE_PATH prefix_from_pkgconfig /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/fanmill.pc.in fanmill.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/fanmill.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
