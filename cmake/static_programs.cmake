# FANMILL_STATIC: what the programs use is linked into them, as far as the system has it as static libraries (Debian:
# with the packages that scripts/install-deps installs; Kerberos, which libzmq uses, is shared as ever). They start in
# two thirds of the time (docs/decisions/0015); what the distribution mends in a library they have only when they are
# linked again. Not for what is installed: cmake/install.cmake knows the shared ones.
function(fanmill_archives result)
  foreach(name ${ARGN})
    find_library(FANMILL_${name}_ARCHIVE lib${name}.a)
    if(NOT FANMILL_${name}_ARCHIVE)
      message(FATAL_ERROR "FANMILL_STATIC: there is no lib${name}.a; install it, or build without FANMILL_STATIC")
    endif()
    list(APPEND archives ${FANMILL_${name}_ARCHIVE})
  endforeach()
  set(${result} ${archives} PARENT_SCOPE)
endfunction()

# In the place of a library's shared form.
function(fanmill_use_archive target name)
  fanmill_archives(archive ${name})
  set_target_properties(${target} PROPERTIES IMPORTED_LOCATION ${archive} INTERFACE_LINK_LIBRARIES "${ARGN}")
endfunction()

fanmill_archives(sodium_archives sodium)
fanmill_archives(zmq_archives pgm norm protokit sodium bsd md)
find_library(FANMILL_GSSAPI gssapi_krb5 REQUIRED)
fanmill_use_archive(libzmq zmq ${zmq_archives} ${FANMILL_GSSAPI} Threads::Threads)
fanmill_use_archive(SQLite::SQLite3 sqlite3 m Threads::Threads)
set_target_properties(PkgConfig::SODIUM PROPERTIES INTERFACE_LINK_LIBRARIES "${sodium_archives}")
set(FANMILL_FMT fmt::fmt-header-only)
set(FANMILL_SPDLOG spdlog::spdlog_header_only)
# Not libgcc: an exception out of a plugin is unwound by one unwinder.
add_link_options(-static-libstdc++ -shared-libgcc)
