# The Debian package, with cpack -G DEB in the build tree: all that is installed. The programs' dependencies are
# found in the programs themselves (dpkg-shlibdeps); those of the library, which is static, are recommended.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME fanmill)
set(CPACK_PACKAGE_CONTACT "the Fanmill authors <fanmill@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS
  "libzmq3-dev, cppzmq-dev, libfmt-dev, libsqlite3-dev, libsodium-dev, pkg-config")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "libmsgpack-cxx-dev, bash-completion")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/fanmill RENAME copyright)
include(CPack)
