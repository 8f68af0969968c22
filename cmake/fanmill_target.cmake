# What all of Fanmill's own targets have in common. Nothing here is public: a program that links
# fanmill::fanmill gets neither our warnings nor our sanitizers.
function(fanmill_target target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
    -Woverloaded-virtual -Wimplicit-fallthrough
    $<$<BOOL:${FANMILL_WARNINGS_AS_ERRORS}>:-Werror>)
  if(FANMILL_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${FANMILL_SANITIZE} -fno-sanitize-recover=all
      -fno-omit-frame-pointer
      # g++ 12 sees uninitialised values in std::regex (Catch uses it) where sanitizers are on.
      $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
    target_link_options(${target} PRIVATE -fsanitize=${FANMILL_SANITIZE})
  endif()
endfunction()

# A program: built into <build>/bin, where tests, scripts and people find it.
function(fanmill_program name)
  add_executable(${name} ${ARGN})
  fanmill_target(${name})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endfunction()
