# weft_protos(TARGET DIR): compiles every .proto of DIR. Files import each other by their path from the top of the tree
# ("xds/proto/core.proto"), and code includes "xds/proto/core.pb.h" from the build tree.
include_guard(GLOBAL)
function(weft_protos target dir)
  file(GLOB protos CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${dir}/*.proto)
  set(sources)
  foreach(proto IN LISTS protos)
    get_filename_component(stem ${proto} NAME_WE)
    set(out ${PROJECT_BINARY_DIR}/${dir}/${stem}.pb)
    add_custom_command(OUTPUT ${out}.cc ${out}.h
      COMMAND ${Protobuf_PROTOC_EXECUTABLE} -I${PROJECT_SOURCE_DIR} --cpp_out=${PROJECT_BINARY_DIR} ${proto}
      DEPENDS ${protos} COMMENT "protoc ${dir}/${stem}.proto" VERBATIM)
    list(APPEND sources ${out}.cc)
  endforeach()
  if(NOT sources)
    add_library(${target} INTERFACE)
    target_link_libraries(${target} INTERFACE weft::lib_protobuf)
    return()
  endif()
  add_library(${target} STATIC ${sources})
  # Generated code is not held to our warnings; its headers are system headers to everybody else.
  target_include_directories(${target} SYSTEM PUBLIC ${PROJECT_BINARY_DIR})
  # The undefined-behaviour checks of code that protoc wrote cost a third of an instrumented build; the others stay.
  if(WEFT_SANITIZE MATCHES "undefined")
    target_compile_options(${target} PRIVATE -fno-sanitize=undefined)
  endif()
  target_link_libraries(${target} PUBLIC weft::lib_protobuf)
endfunction()
