# SPDX-License-Identifier: Apache-2.0
# `cmake --install build/release`: the program with its man page and completions, the library with its header.
#
# `cpack --config build/release/CPackConfig.cmake` makes bnfuse-VERSION-SYSTEM-MACHINE.tar.gz of the same files, which may
# be unpacked anywhere that has the libraries.
include(CMakePackageConfigHelpers)

set(CPACK_GENERATOR TGZ)
set(CPACK_PACKAGE_FILE_NAME bnfuse-${PROJECT_VERSION}-${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_SOURCE_GENERATOR "")
set(CPACK_VERBATIM_VARIABLES ON)
include(CPack)

set(packages ${CMAKE_INSTALL_LIBDIR}/cmake/bnfuse)
foreach(kind Shared Static)
    string(TOLOWER ${kind} name)
    if(NOT TARGET bnfuse_${name})
        continue()
    endif()
    install(TARGETS bnfuse_${name} EXPORT bnfuse${kind} LIBRARY COMPONENT library ARCHIVE COMPONENT library
            PUBLIC_HEADER COMPONENT library)
    install(EXPORT bnfuse${kind} NAMESPACE bnfuse:: DESTINATION ${packages} COMPONENT library)
endforeach()
set(PRIVATE_PACKAGES "libprotobuf-c zlib${IMAGE_PACKAGES}")
if(BNFUSE_LIBRARY_SOURCES)
    set(PRIVATE_PACKAGES "")
endif()
# Relative to itself, so that `cmake --install --prefix` may put it anywhere.
file(RELATIVE_PATH PREFIX_FROM_PC /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/bnfuse.pc.in ${CMAKE_BINARY_DIR}/bnfuse.pc @ONLY)
configure_package_config_file(cmake/bnfuseConfig.cmake.in ${CMAKE_BINARY_DIR}/bnfuseConfig.cmake
                              INSTALL_DESTINATION ${packages})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/bnfuseConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/bnfuse.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT library)
install(FILES ${CMAKE_BINARY_DIR}/bnfuseConfig.cmake ${CMAKE_BINARY_DIR}/bnfuseConfigVersion.cmake
        DESTINATION ${packages} COMPONENT library)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

if(BUILD_SHARED_LIBS AND NOT DEFINED CMAKE_INSTALL_RPATH)   # installed anywhere, the program finds its library
    file(RELATIVE_PATH TO_LIBRARY /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
    set_target_properties(bnfuse PROPERTIES INSTALL_RPATH "$ORIGIN/${TO_LIBRARY}")
endif()
install(TARGETS bnfuse RUNTIME)

# A program for another machine cannot write its pages here, unless there is an emulator.
if(CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR)
    message(STATUS "cross build: no man page and completions; a native build makes them")
    return()
endif()

# The program writes its own completions: one option table feeds parsing, --help, these and the manual page.
#   what the program is asked for | file | directory
set(pages
    "--completions=bash|bnfuse|${CMAKE_INSTALL_DATADIR}/bash-completion/completions"
    "--completions=zsh|_bnfuse|${CMAKE_INSTALL_DATADIR}/zsh/site-functions"
    "--completions=fish|bnfuse.fish|${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d")
set(written)
foreach(page ${pages})
    string(REPLACE "|" ";" row ${page})
    list(GET row 0 request)
    list(GET row 1 file)
    list(GET row 2 directory)
    set(out ${CMAKE_BINARY_DIR}/pages/${file})
    add_custom_command(OUTPUT ${out} COMMAND bnfuse ${request} > ${out} DEPENDS bnfuse VERBATIM)
    list(APPEND written ${out})
    install(FILES ${out} DESTINATION ${directory})
endforeach()
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/pages)
add_custom_target(pages ALL DEPENDS ${written})

# The manual pages, where scdoc is there to make them.
find_program(SCDOC scdoc)
if(SCDOC)
    set(program_page ${CMAKE_BINARY_DIR}/pages/bnfuse.1)
    set(library_page ${CMAKE_BINARY_DIR}/pages/libbnfuse.3)
    add_custom_command(OUTPUT ${program_page} COMMAND bnfuse --man > ${program_page}.scd
                       COMMAND ${SCDOC} < ${program_page}.scd > ${program_page} DEPENDS bnfuse VERBATIM)
    add_custom_command(OUTPUT ${library_page} COMMAND ${SCDOC} < ${CMAKE_SOURCE_DIR}/docs/libbnfuse.3.scd > ${library_page}
                       DEPENDS ${CMAKE_SOURCE_DIR}/docs/libbnfuse.3.scd VERBATIM)
    add_custom_target(manual ALL DEPENDS ${program_page} ${library_page})
    install(FILES ${program_page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
    install(FILES ${library_page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man3 COMPONENT library)
else()
    message(STATUS "no manual pages: scdoc is not installed")
endif()
