# SPDX-License-Identifier: Apache-2.0
# Toolchain: WebAssembly with Debian's emscripten. One thread, vectors of 128 bits, up to 4 GiB of memory.
#
# Objects come from clang itself, as emcc would call it, for emcc takes a second to start. The link is emcc's, but not
# its loader (bindings/node/lib/host.js is ours): -O1 leaves the names of imports as they are, and scripts/wasm.sh
# optimizes afterwards. Memory is the host's, so that this leaves the tables in one piece: cut up around their zeros they
# are shorter as they are, but longer when compressed. emcc does not know what bindings/node/strtod.c imports; a symbol that
# is missing by mistake keeps the module from being instantiated.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
set(EMSCRIPTEN_SYSROOT /usr/share/emscripten/cache/sysroot)
set(CMAKE_C_COMPILER clang-14)
set(CMAKE_C_COMPILER_TARGET wasm32-unknown-emscripten)
set(CMAKE_C_COMPILER_FORCED TRUE)
set(CMAKE_AR llvm-ar-14)
set(CMAKE_RANLIB llvm-ranlib-14)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_C_FLAGS_INIT "--sysroot=${EMSCRIPTEN_SYSROOT} -D__EMSCRIPTEN__ -D__unix__ -msimd128 -mbulk-memory -msign-ext -mnontrapping-fptoint -fignore-exceptions \
-mllvm -combiner-global-alias-analysis=false -mllvm -enable-emscripten-sjlj -mllvm -disable-lsr")
set(CMAKE_C_FLAGS_RELEASE "-Oz" CACHE STRING "Flags used by the C compiler during RELEASE builds." FORCE)
set(THREADS_PREFER_PTHREAD_FLAG OFF)
set(CMAKE_HAVE_LIBC_PTHREAD TRUE)   # as far as one thread needs them
set(Threads_FOUND TRUE)
set(CMAKE_EXECUTABLE_SUFFIX .js)
set(CMAKE_C_LINK_EXECUTABLE "emcc -O1 -sALLOW_MEMORY_GROWTH=1 -sMAXIMUM_MEMORY=4GB -sTOTAL_STACK=4MB \
-sINITIAL_MEMORY=16MB -sERROR_ON_UNDEFINED_SYMBOLS=0 -sIMPORTED_MEMORY=1 -sEXIT_RUNTIME=1 -sFILESYSTEM=0 -sMALLOC=emmalloc -sEXPORTED_FUNCTIONS=_main,_malloc,_memalign \
<OBJECTS> -o <TARGET> <LINK_LIBRARIES>")
