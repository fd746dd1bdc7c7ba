# Isekai.cmake - how every room is built: flags once, three verbs.
#
#   isekai_library(ROOM SOURCES ... LINKS ...)     static library isekai_ROOM
#   isekai_program(NAME SOURCES ... LINKS ...)     executable in <build>/bin
#   isekai_test(NAME [THREADS] SOURCES ... LINKS ...)  cmocka test, run by ctest; THREADS: also
#                                                  one for the thread sanitizer

set(ISEKAI_SANITIZE "" CACHE STRING "address | thread | empty; undefined comes with both")
option(ISEKAI_FUZZ "Build the libFuzzer targets (clang only)" OFF)

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
include(CheckPIESupported)
check_pie_supported()

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(zmq REQUIRED IMPORTED_TARGET libzmq)
pkg_check_modules(czmq REQUIRED IMPORTED_TARGET libczmq)
pkg_check_modules(msgpack REQUIRED IMPORTED_TARGET msgpack)
pkg_check_modules(jansson REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(sqlite REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(seccomp REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(cap REQUIRED IMPORTED_TARGET libcap)
pkg_check_modules(archive REQUIRED IMPORTED_TARGET libarchive)

add_library(isekai_flags INTERFACE)
target_include_directories(isekai_flags INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
target_compile_definitions(isekai_flags INTERFACE _GNU_SOURCE ISEKAI_VERSION="${PROJECT_VERSION}")
target_compile_options(isekai_flags INTERFACE
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Werror
    -fno-strict-aliasing -fstack-protector-strong -fstack-clash-protection -fcf-protection=full)
target_link_options(isekai_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)

if(ISEKAI_SANITIZE)
    # A sanitizer replaces FORTIFY, which hides reads from it.
    target_compile_options(isekai_flags INTERFACE
        -fsanitize=${ISEKAI_SANITIZE},undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(isekai_flags INTERFACE -fsanitize=${ISEKAI_SANITIZE},undefined)
elseif(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    target_compile_options(isekai_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
endif()
if(ISEKAI_FUZZ)
    target_compile_options(isekai_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

function(isekai_library room)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS")
    add_library(isekai_${room} STATIC ${arg_SOURCES})
    target_link_libraries(isekai_${room} PUBLIC isekai_flags ${arg_LINKS})
endfunction()

function(isekai_program name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS")
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE isekai_flags ${arg_LINKS})
    install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

pkg_check_modules(cmocka IMPORTED_TARGET cmocka)
if(NOT cmocka_FOUND)
    message(STATUS "No cmocka: the tests are left out (deploy/install-packages test)")
endif()
function(isekai_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "THREADS" "" "SOURCES;LINKS")
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE isekai_flags PkgConfig::cmocka ${arg_LINKS})
    add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES TIMEOUT 300
        ENVIRONMENT "TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/tsan.supp")
    if(arg_THREADS)
        set_tests_properties(${name} PROPERTIES LABELS threads)
    endif()
endfunction()
