# SPDX-License-Identifier: Apache-2.0
# The three libraries: protobuf-c, jansson and zlib, as PkgConfig::PROTOBUF_C, PkgConfig::JANSSON, PkgConfig::ZLIB; and
# those that read images, as IMAGE_LIBRARIES.
#
# They are the system's, unless BNFUSE_LIBRARY_SOURCES names a folder with their sources (scripts/sources.sh): then they
# are built along and linked in. So are WebAssembly, static programs and the library of the Python wheel made. Their own
# build files are not used, because probing a cross-compiler takes minutes: any system that has O_CLOEXEC has the rest.
#
# Images are read by libraries of the system, for ImageDecoder alone: what is not there is refused by name when it is
# wanted. ON demands them all; what is built from sources has none.
set(BNFUSE_IMAGES AUTO CACHE STRING "libraries that read images: AUTO (those that are there), ON (all) or OFF")
set(IMAGE_LIBRARIES)            # targets
set(IMAGE_PACKAGES)             # names for pkg-config
set(IMAGE_FORMATS "bmp pnm")    # as the tests of ONNX call them
set(IMAGE_DEFINITIONS)
set(BNFUSE_LIBRARY_SOURCES "" CACHE PATH "sources of protobuf-c, jansson and zlib, to be built along")

if(NOT BNFUSE_LIBRARY_SOURCES)
    find_package(PkgConfig REQUIRED)
    pkg_check_modules(PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c)
    pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
    pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
    #   package | module of pkg-config | format
    foreach(library "JPEG|libjpeg|jpeg" "PNG|libpng|png" "TIFF|libtiff-4>=4.5|tiff" "WEBP|libwebp|webp"
                    "OPENJPEG|libopenjp2>=2.4|jpeg2k")
        if(NOT BNFUSE_IMAGES)
            break()
        endif()
        string(REPLACE "|" ";" row ${library})
        list(GET row 0 package)
        list(GET row 1 module)
        list(GET row 2 format)
        set(required)
        if(BNFUSE_IMAGES STREQUAL ON)
            set(required REQUIRED)
        endif()
        pkg_check_modules(${package} ${required} QUIET IMPORTED_TARGET ${module})
        if(${package}_FOUND)
            if(package STREQUAL TIFF) # not linked: it is loaded when it is wanted, by the name that a link would record
                get_filename_component(file "${TIFF_LINK_LIBRARIES}" REALPATH)
                string(REGEX MATCH "[^/]+[.]so[.][0-9]+" soname "${file}")
                list(APPEND IMAGE_DEFINITIONS "TIFF_LIBRARY=\"${soname}\"")
                list(APPEND IMAGE_LIBRARIES ${CMAKE_DL_LIBS})
            else()
                list(APPEND IMAGE_LIBRARIES PkgConfig::${package})
                string(REGEX REPLACE ">.*" "" module ${module})
                string(APPEND IMAGE_PACKAGES " ${module}")
            endif()
            string(APPEND IMAGE_FORMATS " ${format}")
            list(APPEND IMAGE_DEFINITIONS BNFUSE_${package})
        endif()
    endforeach()
    message(STATUS "ImageDecoder reads: ${IMAGE_FORMATS}")
    return()
endif()

# add_bundled(PACKAGE target FOLDER SOURCE...)
function(add_bundled package target folder)
    list(TRANSFORM ARGN PREPEND "${BNFUSE_LIBRARY_SOURCES}/${folder}/" OUTPUT_VARIABLE sources)
    add_library(bundled_${target} STATIC ${sources})
    target_compile_options(bundled_${target} PRIVATE -w -fvisibility=hidden)
    if(NOT CMAKE_SYSTEM_PROCESSOR STREQUAL wasm32)
        set_target_properties(bundled_${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    endif()
    target_include_directories(bundled_${target} SYSTEM PUBLIC ${BNFUSE_LIBRARY_SOURCES}/${folder}
                               ${CMAKE_BINARY_DIR}/libraries)
    add_library(PkgConfig::${package} ALIAS bundled_${target})
endfunction()

add_bundled(PROTOBUF_C protobuf_c protobuf-c protobuf-c/protobuf-c.c)

add_bundled(ZLIB zlib zlib adler32.c compress.c crc32.c deflate.c infback.c inffast.c inflate.c inftrees.c trees.c
            uncompr.c zutil.c)
target_compile_definitions(bundled_zlib PRIVATE HAVE_UNISTD_H HAVE_STDARG_H)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL wasm32)
    # Checksums byte by byte, as faster ones want 8 kB of tables; and the one that this takes is computed.
    target_compile_definitions(bundled_zlib PRIVATE Z_TESTW=0 DYNAMIC_CRC_TABLE)
endif()

add_bundled(JANSSON jansson jansson/src dump.c error.c hashtable.c hashtable_seed.c load.c memory.c pack_unpack.c
            strbuffer.c strconv.c utf.c value.c version.c)
target_compile_definitions(bundled_jansson PRIVATE HAVE_CONFIG_H HAVE_ENDIAN_H HAVE_STDINT_H HAVE_FCNTL_H HAVE_UNISTD_H
    HAVE_SYS_STAT_H HAVE_SYS_TIME_H HAVE_SYS_TYPES_H HAVE_LOCALE_H HAVE_CLOSE HAVE_OPEN HAVE_READ HAVE_GETPID
    HAVE_GETTIMEOFDAY HAVE_SCHED_YIELD HAVE_SETLOCALE HAVE_ATOMIC_BUILTINS USE_URANDOM INITIAL_HASHTABLE_ORDER=3)
file(WRITE ${CMAKE_BINARY_DIR}/libraries/jansson_private_config.h "")
file(WRITE ${CMAKE_BINARY_DIR}/libraries/jansson_config.h "#ifndef JANSSON_CONFIG_H
#define JANSSON_CONFIG_H
#include <stdint.h>
#define JSON_INLINE inline
#define JSON_INTEGER_IS_LONG_LONG 1
#define JSON_HAVE_LOCALECONV 1
#define JSON_HAVE_ATOMIC_BUILTINS 1
#define JSON_PARSER_MAX_DEPTH 2048
#endif
")

if(BUILD_TESTING)
    add_bundled(CMOCKA cmocka cmocka src/cmocka.c)
    target_include_directories(bundled_cmocka SYSTEM PUBLIC ${BNFUSE_LIBRARY_SOURCES}/cmocka/include)
    target_compile_options(bundled_cmocka PRIVATE -fvisibility=default -DHAVE_CONFIG_H)
    file(WRITE ${CMAKE_BINARY_DIR}/libraries/config.h "#define HAVE_INTTYPES_H 1\n#define HAVE_SIGNAL_H 1
#define HAVE_STRINGS_H 1\n#define HAVE_TIME_H 1\n#define HAVE_STRUCT_TIMESPEC 1\n#define HAVE_UNISTD_H 1
#define HAVE_CLOCK_GETTIME 1\n#define HAVE_CLOCK_REALTIME 1\n#define HAVE_SNPRINTF 1\n#define HAVE_VSNPRINTF 1
#define HAVE_STRSIGNAL 1\n#define HAVE_GCC_THREAD_LOCAL_STORAGE 1\n#define HAVE_MALLOC_H 1\n")
endif()

# A header only; the compiler for another machine does not look where the system keeps it.
find_file(UTHASH uthash.h PATHS /usr/include REQUIRED NO_CMAKE_FIND_ROOT_PATH)
configure_file(${UTHASH} ${CMAKE_BINARY_DIR}/libraries/uthash.h COPYONLY)
