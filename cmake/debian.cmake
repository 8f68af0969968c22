# Two Debian packages: fanmill has the programs and their documents, fanmill-dev the library for C++ programs. The
# programs' dependencies are found in the programs themselves (dpkg-shlibdeps); the library is static, so that
# fanmill-dev wants what is linked with it.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME fanmill)
set(CPACK_PACKAGE_CONTACT "Fanmill authors <fanmill@example.org>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")  # each package has its own
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL programs development)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(about "A ventilator hands out tasks, workers do them, and a sink collects the
results: in one process, on one machine or on many. When a worker dies its
tasks are done by others, and each task has one result.")

set(CPACK_DEBIAN_PROGRAMS_PACKAGE_NAME fanmill)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SUGGESTS "bash-completion, fanmill-dev")
set(CPACK_COMPONENT_PROGRAMS_DESCRIPTION "ZeroMQ task pipeline that loses nothing\n${about}")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME fanmill-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
  "libzmq3-dev, cppzmq-dev, libfmt-dev, libsqlite3-dev, libsodium-dev, pkg-config")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS "libmsgpack-cxx-dev, fanmill")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
  "ZeroMQ task pipeline that loses nothing (C++ library)\n${about}\n\nThis package has the library and its headers.")

set(doc ${CMAKE_INSTALL_DATADIR}/doc)
set(changelog ${PROJECT_BINARY_DIR}/changelog)
string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE ${changelog} "fanmill (${PROJECT_VERSION}) unstable; urgency=medium

  * What is new stands in /usr/share/doc/fanmill/CHANGELOG.md.

 -- ${CPACK_PACKAGE_CONTACT}  ${now}
")
execute_process(COMMAND gzip -9nf ${changelog} COMMAND_ERROR_IS_FATAL ANY)
foreach(component programs development)
  string(TOUPPER ${component} name)
  set(folder ${doc}/${CPACK_DEBIAN_${name}_PACKAGE_NAME})
  install(FILES LICENSE DESTINATION ${folder} RENAME copyright COMPONENT ${component})
  install(FILES ${changelog}.gz DESTINATION ${folder} COMPONENT ${component})
endforeach()
install(FILES README.md CHANGELOG.md DESTINATION ${doc}/fanmill COMPONENT programs)
install(DIRECTORY docs examples DESTINATION ${doc}/fanmill COMPONENT programs USE_SOURCE_PERMISSIONS
  PATTERN __pycache__ EXCLUDE)
include(CPack)
add_custom_target(fanmill-deb COMMAND ${CMAKE_CPACK_COMMAND} WORKING_DIRECTORY ${PROJECT_BINARY_DIR} VERBATIM)
add_dependencies(fanmill-deb fanmill-installed)
