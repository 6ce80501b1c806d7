#pragma once
// IntrusiveList: a list whose members carry their own links and unlink themselves when they die.
// Never owns.
//
// A member type T derives from ListNode<T, Tag>; one object can be in as many lists as it has tags.
// Not thread-safe.

#include "sidecar/core/assert.h"

namespace weft {

struct DefaultListTag {};

template <typename T, typename Tag>
class IntrusiveList;

template <typename T, typename Tag = DefaultListTag>
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { unlink(); }

  [[nodiscard]] bool linked() const { return next_ != nullptr; }
  void unlink() {
    if (next_ == nullptr) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = nullptr;
    previous_ = nullptr;
  }

 private:
  friend class IntrusiveList<T, Tag>;
  ListNode* next_ = nullptr;
  ListNode* previous_ = nullptr;
};

template <typename T, typename Tag = DefaultListTag>
class IntrusiveList {
 public:
  using Node = ListNode<T, Tag>;

  IntrusiveList() { reset_head(); }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;
  ~IntrusiveList() {
    clear();
    // The head must not look linked to itself when its own destructor runs.
    head_.next_ = nullptr;
  }

  [[nodiscard]] bool empty() const { return head_.next_ == &head_; }
  void push_back(T& member) { insert_before(&head_, &member); }
  void push_front(T& member) { insert_before(head_.next_, &member); }
  [[nodiscard]] T* front() { return empty() ? nullptr : from_node(head_.next_); }
  [[nodiscard]] T* back() { return empty() ? nullptr : from_node(head_.previous_); }
  T* pop_front() {
    T* member = front();
    if (member != nullptr) static_cast<Node*>(member)->unlink();
    return member;
  }
  void clear() {
    while (pop_front() != nullptr) {
    }
  }
  // Moves every member of `other` to the end of this list.
  void splice(IntrusiveList& other) {
    while (T* member = other.pop_front()) push_back(*member);
  }
  // The member may unlink or destroy itself inside `visit`; it must not touch its successor.
  template <typename Visit>
  void for_each(Visit visit) {
    Node* node = head_.next_;
    while (node != &head_) {
      Node* next = node->next_;
      visit(*from_node(node));
      node = next;
    }
  }

 private:
  static T* from_node(Node* node) { return static_cast<T*>(node); }
  void reset_head() {
    head_.next_ = &head_;
    head_.previous_ = &head_;
  }
  static void insert_before(Node* position, Node* node) {
    WEFT_ASSERT(!node->linked());
    node->previous_ = position->previous_;
    node->next_ = position;
    position->previous_->next_ = node;
    position->previous_ = node;
  }

  Node head_;
};

}  // namespace weft
