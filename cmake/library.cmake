# SPDX-License-Identifier: Apache-2.0
# The library three times over the same objects:
#
#   bnfuse_internal   for the tests of what clients cannot see; never installed
#   bnfuse_shared     libbnfuse.so.0; only what bnfuse.h declares is visible
#   bnfuse_static     libbnfuse.a; likewise, for it is one object whose hidden symbols are local
#
# Both of the latter unless BUILD_SHARED_LIBS asks for one of them. bnfuse_library is the one that programs here use: the
# static one where there is one, so that the program works wherever it is put.

file(GLOB_RECURSE LIBRARY_SOURCES CONFIGURE_DEPENDS src/*.c)
list(FILTER LIBRARY_SOURCES EXCLUDE REGEX "/src/(report/|cli/|main\.c)")

if(CMAKE_SYSTEM_PROCESSOR STREQUAL wasm32)   # nobody trains there, or decodes language; and it has to be small
    list(FILTER LIBRARY_SOURCES EXCLUDE REGEX "/runtime/ops/(gradient|group_query|experts|fused_blocks|optimizer|quantized_rnn)")
    list(APPEND LIBRARY_SOURCES bindings/node/strtod.c)
endif()
add_library(bnfuse_objects OBJECT ${LIBRARY_SOURCES})
set_source_files_properties(src/runtime/ops/image_libraries.c PROPERTIES
                            COMPILE_DEFINITIONS "${IMAGE_DEFINITIONS}" INCLUDE_DIRECTORIES "${TIFF_INCLUDE_DIRS}")
set_target_properties(bnfuse_objects onnx_proto PROPERTIES C_VISIBILITY_PRESET hidden)
target_include_directories(bnfuse_objects PRIVATE src)
target_compile_definitions(bnfuse_objects PRIVATE _GNU_SOURCE)
target_link_libraries(bnfuse_objects PUBLIC onnx_proto PkgConfig::PROTOBUF_C PkgConfig::ZLIB ${IMAGE_LIBRARIES})
add_dependencies(bnfuse_objects onnx_proto)
set(objects $<TARGET_OBJECTS:bnfuse_objects> $<TARGET_OBJECTS:onnx_proto>)

add_library(bnfuse_internal STATIC ${objects})
target_include_directories(bnfuse_internal PUBLIC src SYSTEM PUBLIC ${CMAKE_BINARY_DIR}/proto)
target_link_libraries(bnfuse_internal PUBLIC PkgConfig::PROTOBUF_C PkgConfig::ZLIB ${IMAGE_LIBRARIES} Threads::Threads m)

# What a client sees: one header.
configure_file(src/bnfuse.h ${CMAKE_BINARY_DIR}/include/bnfuse.h COPYONLY)
function(make_public target)
    set_target_properties(${target} PROPERTIES OUTPUT_NAME bnfuse LINKER_LANGUAGE C
                          PUBLIC_HEADER ${CMAKE_SOURCE_DIR}/src/bnfuse.h)
    target_include_directories(${target} INTERFACE $<BUILD_INTERFACE:${CMAKE_BINARY_DIR}/include>
                               $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endfunction()

if(CMAKE_SYSTEM_PROCESSOR STREQUAL wasm32)
    set(BUILD_SHARED_LIBS OFF)
    # The whole is made small (cmake/wasm.cmake), and fast where the time goes. Loops that must be unrolled say so.
    set_source_files_properties(src/runtime/math/simd.c src/runtime/math/product.c src/runtime/math/window.c
        src/onnx/read/convert.c
        PROPERTIES COMPILE_OPTIONS "-O2;-fno-unroll-loops")
else()
    set_target_properties(bnfuse_objects onnx_proto PROPERTIES POSITION_INDEPENDENT_CODE ON)
endif()

if(BUILD_SHARED_LIBS OR NOT DEFINED BUILD_SHARED_LIBS)
    add_library(bnfuse_shared SHARED ${objects})
    make_public(bnfuse_shared)
    set_target_properties(bnfuse_shared PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION 0 EXPORT_NAME shared)
    target_link_libraries(bnfuse_shared PRIVATE PkgConfig::PROTOBUF_C PkgConfig::ZLIB ${IMAGE_LIBRARIES} Threads::Threads m)
    set(library bnfuse_shared)
endif()

if(NOT BUILD_SHARED_LIBS)
    # Libraries that are built along go in as well; the system's are named in bnfuse.pc and bnfuseConfig.cmake.
    if(BNFUSE_LIBRARY_SOURCES)
        list(APPEND objects $<TARGET_OBJECTS:bundled_protobuf_c> $<TARGET_OBJECTS:bundled_zlib>)
    endif()
    if(CMAKE_OBJCOPY AND CMAKE_EXECUTABLE_FORMAT STREQUAL ELF)
        separate_arguments(flags NATIVE_COMMAND "${CMAKE_C_FLAGS}")
        if(CMAKE_C_FLAGS MATCHES "-flto")
            list(APPEND flags -flinker-output=nolto-rel)
        endif()
        set(whole ${CMAKE_BINARY_DIR}/bnfuse.o)
        add_custom_command(OUTPUT ${whole}
            COMMAND ${CMAKE_C_COMPILER} ${flags} -r -nostdlib -o ${whole} ${objects}
            COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${whole}
            DEPENDS ${objects} COMMAND_EXPAND_LISTS VERBATIM)
        set(objects ${whole})
        set_source_files_properties(${whole} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
    endif()
    add_library(bnfuse_static STATIC ${objects})
    make_public(bnfuse_static)
    set_target_properties(bnfuse_static PROPERTIES EXPORT_NAME static)
    target_link_libraries(bnfuse_static INTERFACE Threads::Threads m)
    if(NOT BNFUSE_LIBRARY_SOURCES)
        target_link_libraries(bnfuse_static INTERFACE $<BUILD_INTERFACE:PkgConfig::PROTOBUF_C>
            $<BUILD_INTERFACE:PkgConfig::ZLIB> "$<BUILD_INTERFACE:${IMAGE_LIBRARIES}>" $<INSTALL_INTERFACE:PkgConfig::BNFUSE_PRIVATE>)
    endif()
    set(library bnfuse_static)
endif()
add_library(bnfuse_library ALIAS ${library})
